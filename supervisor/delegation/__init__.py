"""Where runs are handed to when Lambda is not the place for them: one module per service."""
