from django.urls import path

from notevault.accounts import views

app_name = "accounts"

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/login", views.LoginView.as_view(), name="login"),
    path("auth/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.LogoutView.as_view(), name="logout"),
    path("auth/password/change", views.PasswordChangeView.as_view(), name="password-change"),
    path("me", views.MeView.as_view(), name="me"),
    path("me/become-seller", views.BecomeSellerView.as_view(), name="become-seller"),
]
