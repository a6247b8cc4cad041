// The Node peer: socket.io and node:sqlite as their documentation shows them, one commit a message.
// node node.mjs PORT DATABASE
import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { randomUUID } from 'node:crypto'
import { Server } from 'socket.io'

const [port, database] = process.argv.slice(2)
const db = new DatabaseSync(database)
db.exec('pragma journal_mode = wal')
db.exec('pragma synchronous = full')
db.exec(`create table if not exists messages (
  conversation_id text not null, seq integer not null, message_id text not null, client_id text not null,
  sender text not null, text text not null, sent_at integer not null,
  primary key (conversation_id, seq), unique (conversation_id, sender, client_id))`)
const insert = db.prepare('insert into messages values (?, ?, ?, ?, ?, ?, ?)')
const http = createServer()
const io = new Server(http, { transports: ['websocket'], cors: { origin: '*' } })
const last = new Map()

io.on('connection', (socket) => {
  const who = socket.handshake.auth.token ?? 'nobody'
  socket.on('conversation.open', (request, ack) => {
    socket.join(request.conversation_id)
    ack({ ok: true, data: {} })
  })
  socket.on('chat.send', (request, ack) => {
    const conversation = request.conversation_id
    const seq = (last.get(conversation) ?? 0) + 1
    last.set(conversation, seq)
    const messageId = randomUUID()
    const sentAt = Date.now()
    insert.run(conversation, seq, messageId, request.client_id, who, request.text, sentAt)
    const entry = {
      seq,
      message_id: messageId,
      client_id: request.client_id,
      sender: { kind: 'buyer', id: who, name: null },
      sent_at: sentAt,
      kind: 'text',
      text: request.text,
    }
    socket.to(conversation).emit('chat.posted', { conversation_id: conversation, log: 'public', entry })
    ack({ ok: true, data: { message_id: messageId, seq, sent_at: sentAt } })
  })
})
http.listen(Number(port), '127.0.0.1')
