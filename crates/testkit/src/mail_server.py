"""A real mail server for tests (aiosmtpd): takes mails as it is told to, and lays each down as a JSON file.

Prints its port once it listens, and ends when its standard input does, so that no test leaves one behind.
"""

import argparse
import asyncio
import json
import logging
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Handler:
    def __init__(self, options):
        self.options = options
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address == self.options.refuse:
            return "550 5.1.1 no such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.options.repeat:
            text = envelope.content.decode().split("\r\n\r\n", 1)[1]
            return "554 5.7.1 refused: " + text.replace("\r\n", " ")[:400]
        if self.options.hang_up:
            server.transport.abort()
            return "421 going away"
        await asyncio.sleep(self.options.delay)
        self.lay_down(session, envelope)
        return "250 OK"

    def lay_down(self, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message": envelope.content.decode("ascii"),
            "encrypted": session.ssl is not None or self.options.mode == "tls",
            "login": session.auth_data.login.decode() if session.authenticated else None,
            "hello": session.host_name,
        }
        self.count += 1
        whole = os.path.join(self.options.folder, f"{self.count:06}.json")
        with open(whole + ".new", "w", encoding="ascii") as file:
            json.dump(mail, file)
        os.rename(whole + ".new", whole)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--mode", choices=["plain", "starttls", "tls"], default="plain")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--login", help="user:password, without which nothing is taken")
    parser.add_argument("--delay", type=float, default=0, help="seconds until a mail is taken")
    parser.add_argument("--refuse", help="a recipient that is refused")
    parser.add_argument("--hang-up", action="store_true", help="go away in the middle of a mail")
    parser.add_argument("--repeat", action="store_true", help="refuse mails, and say what stands in them")
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args()


async def serve(options):
    context = None
    if options.mode != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)

    def authenticate(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and data.login + b":" + data.password == options.login.encode()
        # Without words of its own aiosmtpd answers 535, as mail servers do.
        return AuthResult(success=good, handled=False, auth_data=data if good else None)

    handler = Handler(options)

    def connection():
        return SMTP(
            handler,
            hostname="mail.test",
            tls_context=context if options.mode == "starttls" else None,
            require_starttls=options.mode == "starttls",
            auth_required=options.login is not None,
            auth_require_tls=options.mode == "starttls",
            authenticator=authenticate if options.login is not None else None,
            timeout=60,
        )

    loop = asyncio.get_running_loop()
    tls = context if options.mode == "tls" else None
    server = await listen(lambda: loop.create_server(connection, "127.0.0.1", options.port, ssl=tls))
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


async def listen(create):
    """A port that was free a moment ago may be somebody's for another moment."""
    for _ in range(100):
        try:
            return await create()
        except OSError:
            await asyncio.sleep(0.1)
    return await create()


# What it has to say of its own settings is meant for people who run it.
logging.disable(logging.CRITICAL)
asyncio.run(serve(options()))
