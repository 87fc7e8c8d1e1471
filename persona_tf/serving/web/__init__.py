"""The web server: HTTP and JSON around conversations. Knows no model: one thread has it, see `serving.model_thread`."""
