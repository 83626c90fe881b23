from kafka import KafkaConsumer

for message in KafkaConsumer("readings"):
    print(message.value)
