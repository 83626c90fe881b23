from setuptools import find_packages, setup

SCRIPTS = {"console_scripts": ["metasearch-run = meta.webapp:run"]}
setup(
    name="metasearch",
    version="1",
    packages=find_packages(),
    install_requires=["flask"],
    entry_points=SCRIPTS,
)
