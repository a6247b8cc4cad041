"""Says once, in types, everything that crosses a wire (events, errors, HTTP bodies) and prints it as TypeScript, AsyncAPI, OpenAPI and a page."""
