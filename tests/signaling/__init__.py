"""The middle floor on real sockets: python-socketio's client and raw WebSockets against a desk that is made up."""
