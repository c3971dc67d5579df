"""The console's addresses."""

from django.contrib import admin
from django.urls import path

from services.console.web import old_paths, previews

urlpatterns = [*old_paths.urlpatterns, *previews.urlpatterns, path("", admin.site.urls)]
