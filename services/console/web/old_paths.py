"""The addresses of the pages that Mailroom takes over from, which people have bookmarked and linked to."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
