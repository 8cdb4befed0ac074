"""Fetching the open networks and geometry, and building the files the package runs on."""
