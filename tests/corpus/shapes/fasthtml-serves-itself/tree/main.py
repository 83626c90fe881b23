from fasthtml.common import *

app, rt = fast_app()


@rt('/')
def get() -> object:
    return Titled('Hello')


serve()
