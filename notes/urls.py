from django.urls import path

from notes import views

app_name = "notes"

urlpatterns = [
    path("categories", views.CategoryListView.as_view(), name="categories"),
    path("notes", views.NoteListView.as_view(), name="list"),
    path("notes/<uuid:note_id>", views.NoteDetailView.as_view(), name="detail"),
    path("notes/<uuid:note_id>/file", views.NoteFileView.as_view(), name="file"),
    path("notes/<uuid:note_id>/submit", views.NoteSubmitView.as_view(), name="submit"),
    path("search", views.SearchView.as_view(), name="search"),
    path("search/suggest", views.SuggestView.as_view(), name="suggest"),
    path("seller/notes", views.SellerNoteListView.as_view(), name="seller-notes"),
    path("library", views.LibraryView.as_view(), name="library"),
    path("library/<uuid:note_id>/download", views.DownloadView.as_view(), name="download"),
]
