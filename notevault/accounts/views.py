"""Account endpoints: register, sign in, refresh, sign out, and one's own profile."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.accounts import examples, serializers, services
from notevault.accounts.models import User
from notevault.accounts.tokens import Claims, TokenPair
from notevault.kit import clock
from notevault.kit.throttling import SharedThrottle
from notevault.kit.views import APIView


def _tokens(pair: TokenPair) -> dict[str, Any]:
    return serializers.TokenResponse(pair).data


def _signed_in(user: User, pair: TokenPair) -> dict[str, Any]:
    return {**_tokens(pair), "user": serializers.UserResponse(user).data}


class PublicView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SharedThrottle,)


class RegisterView(PublicView):
    throttle_scope = "register"

    @extend_schema(
        operation_id="register",
        tags=["auth"],
        summary="Make an account and sign in",
        request=serializers.RegisterRequest,
        responses={201: serializers.SignedInResponse},
        examples=[examples.REGISTER, examples.SIGNED_IN],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.RegisterRequest)
        user, pair = services.register(now=clock.now(), **data)
        return Response(_signed_in(user, pair), status=201)


class LoginView(PublicView):
    throttle_scope = "sign_in"

    @extend_schema(
        operation_id="login",
        tags=["auth"],
        summary="Sign in",
        description="Five failures lock the address for 15 minutes (`account_locked`).",
        request=serializers.LoginRequest,
        responses={200: serializers.SignedInResponse},
        examples=[examples.LOGIN, examples.SIGNED_IN],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.LoginRequest)
        user, pair = services.sign_in(now=clock.now(), **data)
        return Response(_signed_in(user, pair))


class RefreshView(PublicView):
    throttle_scope = "refresh"

    @extend_schema(
        operation_id="refresh",
        tags=["auth"],
        summary="Exchange a refresh token for the next pair",
        description="A refresh token works once. Using a spent one ends the whole session.",
        request=serializers.RefreshRequest,
        responses={200: serializers.TokenResponse},
        examples=[examples.REFRESH, examples.TOKENS],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.RefreshRequest)
        pair = services.refresh_session(refresh_token=data["refresh"], now=clock.now())
        return Response(_tokens(pair))


class LogoutView(APIView):
    @extend_schema(
        operation_id="logout",
        tags=["auth"],
        summary="End this session",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        services.sign_out(session_id=cast(Claims, request.auth).session_id, now=clock.now())
        return Response(status=204)


class PasswordChangeView(APIView):
    throttle_classes = (SharedThrottle,)
    throttle_scope = "sign_in"

    @extend_schema(
        operation_id="change_password",
        tags=["auth"],
        summary="Change the password and end every other session",
        request=serializers.PasswordChangeRequest,
        responses={200: serializers.TokenResponse},
        examples=[examples.PASSWORD_CHANGE, examples.TOKENS],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.PasswordChangeRequest)
        pair = services.change_password(
            user_id=self.user_id,
            current=data["current_password"],
            new=data["new_password"],
            now=clock.now(),
        )
        return Response(_tokens(pair))


class MeView(APIView):
    @extend_schema(
        operation_id="get_me",
        tags=["me"],
        summary="Who am I",
        responses={200: serializers.UserResponse},
        examples=[examples.USER],
    )
    def get(self, request: Request) -> Response:
        return Response(serializers.UserResponse(request.user).data)

    @extend_schema(
        operation_id="update_me",
        tags=["me"],
        summary="Change one's name",
        request=serializers.ProfileRequest,
        responses={200: serializers.UserResponse},
        examples=[examples.PROFILE, examples.USER],
    )
    def patch(self, request: Request) -> Response:
        data = self.body(serializers.ProfileRequest)
        user = services.rename(user_id=self.user_id, **data)
        return Response(serializers.UserResponse(user).data)


class BecomeSellerView(APIView):
    @extend_schema(
        operation_id="become_seller",
        tags=["me"],
        summary="Start selling",
        request=None,
        responses={200: serializers.UserResponse},
        examples=[examples.SELLER],
    )
    def post(self, request: Request) -> Response:
        user = services.become_seller(user_id=self.user_id)
        return Response(serializers.UserResponse(user).data)
