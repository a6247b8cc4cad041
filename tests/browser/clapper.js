// A camera and a microphone that clap: once a second the picture turns white while a tone sounds, both by the
// one clock of the sound. `claps` counts them.
(() => {
  const PERIOD_S = 1
  const CLAP_S = 0.2
  const devices = navigator.mediaDevices
  if (!devices) return
  let stage
  const open = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 })
    const pen = canvas.getContext('2d')
    const sound = new AudioContext({ latencyHint: 'interactive' })
    const tone = new OscillatorNode(sound, { frequency: 880 })
    const loudness = new GainNode(sound, { gain: 0 })
    const heard = sound.createMediaStreamDestination()
    tone.connect(loudness).connect(heard)
    tone.start()
    let scheduled = 1
    window.claps = 0
    const draw = () => {
      const now = sound.currentTime
      for (; scheduled * PERIOD_S < now + 2 * PERIOD_S; scheduled += 1) {
        loudness.gain.setValueAtTime(0.8, scheduled * PERIOD_S)
        loudness.gain.setValueAtTime(0, scheduled * PERIOD_S + CLAP_S)
      }
      window.claps = Math.floor(now / PERIOD_S)
      window.sinceClap = now % PERIOD_S
      pen.fillStyle = now >= PERIOD_S && now % PERIOD_S < CLAP_S ? '#fff' : '#123'
      pen.fillRect(0, 0, canvas.width, canvas.height)
      pen.fillStyle = '#48a'
      pen.fillRect((now * 200) % 640, 400, 40, 40)
      requestAnimationFrame(draw)
    }
    draw()
    return { canvas, heard }
  }
  devices.getUserMedia = async (asked) => {
    stage ??= open()
    const tracks = []
    if (asked.video) tracks.push(...stage.canvas.captureStream().getVideoTracks())
    if (asked.audio) tracks.push(...stage.heard.stream.clone().getAudioTracks())
    return new MediaStream(tracks)
  }
})()
