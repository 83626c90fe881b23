print('calibrated')
