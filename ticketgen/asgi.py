"""The ASGI application: pages and API by Django, sockets by Channels."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402 - apps must be loaded first
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from processing.assessment.routing import websocket_urlpatterns as assessment_sockets  # noqa: E402
from processing.routing import websocket_urlpatterns as processing_sockets  # noqa: E402
from ticketgen.sockets import CorrelationMiddleware  # noqa: E402

websocket_urlpatterns = [*assessment_sockets, *processing_sockets]  # the last of these takes every other path
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": CorrelationMiddleware(
            AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
        ),
    }
)
