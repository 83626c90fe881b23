NAME = 'source-folder-is-the-work-folder'
