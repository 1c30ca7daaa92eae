from django.urls import path

from notes import views

app_name = "files"

urlpatterns = [path("<str:token>", views.serve_link, name="download")]
