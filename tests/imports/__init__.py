"""Imports: which code locks whole tables, and what takes its place."""
