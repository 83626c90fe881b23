import streamlit as st

st.write('more')
