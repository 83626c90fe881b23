from weather_station.loop import loop

loop()
