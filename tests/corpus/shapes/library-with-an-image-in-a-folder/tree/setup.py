from setuptools import setup

setup(
    name="hooks",
    packages=["hooks"],
    classifiers=["Topic :: Software Development :: Libraries :: Application Frameworks"],
    entry_points={"console_scripts": ["hooks=hooks.http:main"]},
)
