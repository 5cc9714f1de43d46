package io.vmferry.kvm.socket;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class MessageTest {
  @Test
  void structsAreAsLargeAsTheKernelsAndTheirFieldsFollowEachOther() {
    // Source: include/linux/socket.h, struct user_msghdr: pointer, int (padded), pointer, size,
    // pointer, size, unsigned int (padded).
    assertEquals(2 * 8, SocketCalls.MSGHDR_IOV);
    assertEquals(SocketCalls.MSGHDR_IOV + 8, SocketCalls.MSGHDR_IOVLEN);
    assertEquals(SocketCalls.MSGHDR_IOVLEN + 8, SocketCalls.MSGHDR_CONTROL);
    assertEquals(SocketCalls.MSGHDR_CONTROL + 8, SocketCalls.MSGHDR_CONTROLLEN);
    assertEquals(SocketCalls.MSGHDR_CONTROLLEN + 8, SocketCalls.MSGHDR_FLAGS);
    assertEquals(SocketCalls.MSGHDR_FLAGS + 8, SocketCalls.MSGHDR_BYTES);
    assertEquals(2 * 8, SocketCalls.IOVEC_BYTES);
    assertEquals(8 + 2 * 4, SocketCalls.CMSG_DATA);
    // struct sockaddr_un is 110 bytes: u16 and a path of 108 with its end mark.
    assertEquals(110, SocketCalls.SOCKADDR_UN_PATH + SocketCalls.MAX_PATH_BYTES + 1);
  }
}
