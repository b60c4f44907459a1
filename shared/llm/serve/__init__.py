"""Answering over HTTP: an API like OpenAI's, many readers at once over one KV cache, and a page to chat on. Week 9.

engine   continuous batching: texts of many requests are written side by side   rows   the KV cache that they share
service  one request's work: from its fields to tokens, and back to choices       app    routes   page.html  the page
"""
