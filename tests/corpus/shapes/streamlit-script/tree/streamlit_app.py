import altair as alt
import streamlit as st

st.set_page_config(page_title='spiral')
st.write('hello', alt)
