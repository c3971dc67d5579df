"""Pages of tables that grow without end."""

from services.console.web.pages.page import ReadOnlyPage
from services.console.web.paging import BoundedPaginator


class BoundedPage(ReadOnlyPage):
    """The beginning of a large table in its own order; a search or a filter finds what lies deeper."""

    paginator = BoundedPaginator
    change_list_template = "console/bounded_list.html"
    sortable_by = ()

    class Media:
        css = {"all": ("console/work.css",)}
