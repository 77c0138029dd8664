"""A real SMTP server (aiosmtpd) for the tests: prints its port, writes what it sees as JSON lines, ends with its stdin."""

import asyncio
import json
import logging
import os
import ssl
import sys
import threading
from email import message_from_bytes
from email.policy import SMTP as MAIL_POLICY

from aiosmtpd.smtp import SMTP, AuthResult

OPTIONS = json.loads(sys.argv[1])
LOG = open(OPTIONS["log"], "a", encoding="utf-8")


def record(**event):
    LOG.write(json.dumps(event) + "\n")
    LOG.flush()


class Commands(logging.Handler):
    """aiosmtpd logs each line that it reads as `peer >> line`, passwords left out."""

    def emit(self, entry):
        if entry.msg == "%r >> %r":
            record(event="command", line=entry.args[1].decode("ascii", "replace"))


class Mails:
    def __init__(self):
        self.busy_left = OPTIONS["busy"]

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        if OPTIONS["refuse_hello"]:
            return ["550 5.7.1 you are not welcome here"]
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in OPTIONS["refuse"] or "*" in OPTIONS["refuse"]:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.busy_left > 0:
            self.busy_left -= 1
            return "451 4.3.0 busy, come back later"
        mail = message_from_bytes(envelope.content, policy=MAIL_POLICY)
        plain, html = mail.get_body(["plain"]), mail.get_body(["html"])
        record(
            event="mail",
            encrypted=session.ssl is not None or OPTIONS["tls"] == "implicit",
            login=session.auth_data if session.authenticated else None,
            envelope_from=envelope.mail_from,
            envelope_to=envelope.rcpt_tos,
            headers=[[name, str(value)] for name, value in mail.items()],
            subject=str(mail["subject"]),
            plain=plain.get_content() if plain else None,
            html=html.get_content() if html else None,
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, auth_data):
    user, password = OPTIONS["login"] or ["", ""]
    good = auth_data.login == user.encode() and auth_data.password == password.encode()
    return AuthResult(success=good, handled=good, auth_data=user if good else None)


class Silent(asyncio.Protocol):
    """Accepts a connection and never says a word."""


class Endless(asyncio.Protocol):
    """Greets line by line and never comes to an end: no single read ever takes long."""

    def connection_made(self, transport):
        self.transport = transport
        self.say()

    def say(self):
        if not self.transport.is_closing():
            self.transport.write(b"220-one moment please\r\n")
            asyncio.get_running_loop().call_later(0.2, self.say)


def tls_context():
    if OPTIONS["tls"] == "none":
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(OPTIONS["certificate"], OPTIONS["key"])
    return context


async def main():
    context, mails = tls_context(), Mails()
    starttls = OPTIONS["tls"] == "starttls"

    def connection():
        if OPTIONS["silent"]:
            return Silent()
        if OPTIONS["endless"]:
            return Endless()
        return SMTP(
            mails,
            hostname="mail.test",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=OPTIONS["login"] is not None,
            auth_require_tls=starttls,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    log = logging.getLogger("mail.log")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(Commands())
    implicit = context if OPTIONS["tls"] == "implicit" else None
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_stdin():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
asyncio.run(main())
