"""Teaching: what was derived, in words for people who learn it."""
