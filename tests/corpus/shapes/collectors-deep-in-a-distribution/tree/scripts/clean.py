import paho.mqtt.client as mqtt

if __name__ == "__main__":
    mqtt.Client().connect("broker")
