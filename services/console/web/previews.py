"""Mails as they would be, or were, sent: text, HTML and headers, each in a frame that can do nothing."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
