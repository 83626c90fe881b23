from setuptools import setup

setup(
    name='routing',
    packages=['routing'],
    classifiers=['Topic :: Software Development :: Libraries :: Python Modules'],
    entry_points='[console_scripts]\nrouting-check = routing.check:main\n',
)
