from setuptools import find_packages, setup

setup(name='dashing', packages=find_packages())
