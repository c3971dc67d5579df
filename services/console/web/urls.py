"""The console's addresses."""

from django.contrib import admin
from django.urls import path

from services.console.web import old_paths, why
from services.console.web.access import failures
from services.console.web.previews import addresses as previews

urlpatterns = [*old_paths.urlpatterns, *previews.urlpatterns, *why.urlpatterns, path("", admin.site.urls)]

handler400 = failures.bad_request
handler403 = failures.not_allowed
handler404 = failures.not_found
handler500 = failures.page_failed
