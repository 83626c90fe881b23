import gradio as gr

demo = gr.Interface(fn=lambda text: text, inputs='text', outputs='text')
demo.launch()
