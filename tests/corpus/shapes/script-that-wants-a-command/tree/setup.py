from setuptools import setup

setup(
    name="crawlers",
    version="1",
    packages=["crawlers"],
    install_requires=["tornado"],
    entry_points={"console_scripts": ["crawlers = crawlers.cmdline:main"]},
)
