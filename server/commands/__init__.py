"""One module a command of `livedesk`: reads arguments, opens the database, calls a use case, prints."""
