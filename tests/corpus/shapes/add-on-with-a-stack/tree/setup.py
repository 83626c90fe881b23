import setuptools

classes = """
Framework :: Django
Topic :: Software Development :: Libraries :: Python Modules
"""
setuptools.setup(
    name='django-beats',
    packages=['beats'],
    classifiers=[s.strip() for s in classes.split('\n') if s],
)
