/* Printed from protocol/ by protocol.export; do not edit. */
export const CALLER_CONSENT = { version: "caller-2026-11" as const, texts: {
  "zh-CN": {
    "ask": "可以录下这次通话吗？",
    "promise": "录像只用于处理这次售后，随时可以停止。不同意也能继续通话。",
    "grant": "同意录制",
    "refuse": "不录制"
  },
  "en": {
    "ask": "May we record this call?",
    "promise": "The recording only serves this claim, and you can stop it at any time. The call goes on either way.",
    "grant": "Record",
    "refuse": "Do not record"
  }
} }
export const AGENT_CONSENT = { version: "agent-2026-11" as const, texts: {
  "zh-CN": {
    "ask": "要录制这次通话吗？",
    "promise": "双方都同意才会录制，存到本会话供售后核实；拒绝不影响通话，随时可以停止。",
    "grant": "同意录制",
    "refuse": "不录制"
  },
  "en": {
    "ask": "Record this call?",
    "promise": "It is recorded only when both sides agree, and kept with this conversation. The call goes on either way, and recording can be stopped at any time.",
    "grant": "Agree to recording",
    "refuse": "Do not record"
  }
} }
