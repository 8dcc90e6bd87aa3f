"""What methods that make new pictures share: encoding, the teacher's labels of them, and the set they end in."""
