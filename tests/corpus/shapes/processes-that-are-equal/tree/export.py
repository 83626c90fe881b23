import time

from kafka import KafkaProducer

producer = KafkaProducer()
while True:
    producer.send("readings", b"1")
    time.sleep(60)
