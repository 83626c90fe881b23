import paho.mqtt.client as mqtt


def main():
    client = mqtt.Client()
    client.connect("broker")
    client.loop_start()


if __name__ == "__main__":
    main()
