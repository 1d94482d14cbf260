"Other processes that tests start"
import os, re, signal, subprocess

limit = int(os.environ.get('GROUNDUP_LIMIT', 300)) # seconds for one notebook

def sh(*cmd, **kw):
    "What a command prints, which must succeed"
    res = subprocess.run([str(o) for o in cmd], capture_output=True, text=True, **kw)
    assert res.returncode == 0, f'{cmd}\n{res.stdout[-3000:]}\n{res.stderr[-3000:]}'
    return res.stdout

def limited(cmd, limit=limit, **kw):
    "What is wrong with a run of `cmd` (or None), and all that it printed; when the time is up, its children end with it"
    proc = subprocess.Popen([str(o) for o in cmd], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                            start_new_session=True, **kw)
    why = None
    try:
        try: out = proc.communicate(timeout=limit)[0]
        except subprocess.TimeoutExpired:
            os.killpg(proc.pid, signal.SIGKILL)
            out,why = proc.communicate()[0], f'stopped after {limit} s'
        if proc.returncode and not why: why = f'exit status {proc.returncode}'
        return why, re.sub(r'\x1b\[[\d;]*m', '', out)
    finally:
        if proc.poll() is None: os.killpg(proc.pid, signal.SIGKILL)
