import gradio as gr

from src.settings import TITLE


def main() -> None:
    gr.Interface(fn=str, inputs='text', outputs='text', title=TITLE).launch()


if __name__ == '__main__':
    main()
