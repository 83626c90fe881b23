from setuptools import setup

setup(
    name="worker",
    version="1.0.0",
    description="Packs the shop's orders",
    python_requires=">=3.11",
    py_modules=["worker"],
    install_requires=["urllib3==2.8.0"],
)
