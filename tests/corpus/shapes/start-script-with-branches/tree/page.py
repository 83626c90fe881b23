import streamlit

streamlit.title("Bot")
