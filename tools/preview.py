"Show the site of `make docs` in the browser: `python tools/preview.py [PORT]`"
import functools, http.server, sys, webbrowser
from pathlib import Path

site = Path(__file__).resolve().parent.parent/'_docs/html'

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
    def end_headers(self):
        self.send_header('Cache-Control', 'no-store') # a page built anew is seen at once
        super().end_headers()

def serve(first):
    "A server on the first free port from `first` on"
    for port in range(first, first+100):
        try: return http.server.ThreadingHTTPServer(('127.0.0.1', port), functools.partial(Quiet, directory=site))
        except OSError: continue
    sys.exit(f'no free port from {first} to {first+99}')

if __name__ == '__main__':
    with serve(int(sys.argv[1]) if sys.argv[1:] else 8000) as server:
        address = f'http://127.0.0.1:{server.server_port}/'
        print(f'{address}  (Ctrl-C stops it)', flush=True)
        webbrowser.open(address)
        try: server.serve_forever()
        except KeyboardInterrupt: print()
