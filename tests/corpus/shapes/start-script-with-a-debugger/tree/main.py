import uvicorn

if __name__ == '__main__':
    uvicorn.run('web:app', port=8000)
