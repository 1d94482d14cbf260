"""The Python of this environment as the one kernel, whatever kernels the machine, the user or JUPYTER_PATH hold: a
`python3` of theirs would start another Python, without the course."""
from jupyter_client.kernelspec import KernelSpecManager


class OwnKernel(KernelSpecManager):
    def _kernel_dirs_default(self): return [] # then ipykernel's own is left, for the Python that runs this
