"""Serves HTTP: one door for every endpoint with a JSON body, the pages of the front ends, and the admin side."""
