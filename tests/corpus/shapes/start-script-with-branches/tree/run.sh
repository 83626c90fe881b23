#!/bin/sh
case "$1" in
  bot)
    python chat.py
    ;;
  page)
    streamlit run page.py --server.port 8501
    ;;
  *)
    echo "bot or page"
    ;;
esac
