from setuptools import setup

setup(
    name='assays',
    packages=['assays'],
    install_requires=['tornado'],
    entry_points={'console_scripts': ['assays = assays.server:main']},
)
