"""One HTML file that shows what was done and how things are: for people who would rather look."""
